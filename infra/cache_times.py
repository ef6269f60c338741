"""How long CloudFront may keep a document, beside what the document says itself."""

LATE_KEPT_S = 1  # the problem `late`, so that prices come as soon as there are any
LEAST_KEPT_S = 1  # any answer, by the managed policy
