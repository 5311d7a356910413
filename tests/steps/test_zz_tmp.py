import time
from tests import month
def test_x(fresh_world):
    for name, act in month.acts():
        t=time.perf_counter(); act(fresh_world); print(f"{time.perf_counter()-t:.2f} {name}")
