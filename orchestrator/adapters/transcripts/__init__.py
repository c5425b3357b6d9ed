"""What did each agent's program write down of its sessions on this machine?"""
