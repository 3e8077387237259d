"""What came of a sweep?"""
