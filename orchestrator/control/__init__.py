"""How is work that runs somewhere stopped, kept, and gone on with, when a person says so?"""
