inspect=None
