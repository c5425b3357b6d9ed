"""How is one attempt at somebody's code carried out: workspace, process, what came of it?"""
