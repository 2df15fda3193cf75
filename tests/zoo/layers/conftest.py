import inspect

import helpers
import keras
import pytest

# A step of JAX that is not compiled takes longer than to compile it.
ALWAYS = keras.backend.backend() == "jax"


def pytest_generate_tests(metafunc):
    """Contracts hold without a compiler, and with one: that is of tier `model`.

    So does what else asks for `compiled`: whether it shall compile.
    """
    asks = "compiled" in inspect.signature(metafunc.function).parameters
    if (asks or metafunc.function.__name__ == "test_contract") and not ALWAYS:
        ways = [
            pytest.param(False, id="eager"),
            pytest.param(True, id="compiled", marks=pytest.mark.model),
        ]
        metafunc.parametrize("compiled", ways, indirect=True)


@pytest.fixture(autouse=True)
def compiled(request, monkeypatch):
    monkeypatch.setattr(helpers, "COMPILED", getattr(request, "param", ALWAYS))
    return helpers.COMPILED
