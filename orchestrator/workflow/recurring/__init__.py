"""Which missions of templates are due, who files them, and how did the last ones go?"""
