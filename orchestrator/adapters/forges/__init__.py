"""How is a forge spoken to: GitHub's, GitLab's and Forgejo's API?"""
