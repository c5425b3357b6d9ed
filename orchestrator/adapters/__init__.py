"""What stands behind each port?

agents · models · sandbox · database · notifiers; only `app` names them.
"""
