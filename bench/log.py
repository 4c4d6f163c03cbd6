def measure(report, quick):
    pass
