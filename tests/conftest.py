import gc


def pytest_collection_finish():
    """Spares the garbage collector half a million objects of imported libraries."""
    gc.freeze()
    gc.set_threshold(50_000)
