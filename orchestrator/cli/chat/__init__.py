"""How does a person talk with a model in a terminal?"""
