"""One way to measure every use case and model: metrics, intervals, comparisons, reports, the site kit.

Every document gives a row of additive counts, and every metric is a function of the sum of rows. So
the same functions give the figure, its bootstrap interval, its breakdown and its pooled value
over hospitals, and a stored row set scores again to the same figures.
"""
