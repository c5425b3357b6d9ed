"""Who holds a project's merge queue right now, and how does a person take a result out of it?"""
