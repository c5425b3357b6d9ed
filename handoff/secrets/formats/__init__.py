"""What does a secret look like when the text around it does not say so?

One table for each family of providers; `table` says what a row holds and what is made of it. The sources are public
rule sets (gitleaks, trufflehog, kingfisher) or the provider's own pages; docs/redaction.md lists all of them.
"""
