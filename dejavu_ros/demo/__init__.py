"""A robot finds itself: from a rendered bag to hypotheses on a topic, told step by step."""
