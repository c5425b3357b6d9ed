"""What may a program read of missions, file, order and decide over HTTP?"""
