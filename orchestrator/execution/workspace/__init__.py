"""Where does an attempt work, and what happens to the folder afterwards?"""
