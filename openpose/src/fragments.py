"""placeholder."""
def join_fragments(people, peaks, skeleton):
    return people
