"""Where do templates stand, and which fields has one beside a mission's?"""

TEMPLATES_FOLDER = "missions/templates"
TEMPLATE_FIELDS = ("every", "timezone", "catch_up", "overlap", "parameters")
