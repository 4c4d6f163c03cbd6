def report(report, found):
    pass
