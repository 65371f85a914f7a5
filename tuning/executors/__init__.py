"""Where a run is carried out: here, in several processes, on ZeroGPU, as a job on the Hub."""

__all__ = ["gpu_leases", "select", "zerogpu", "zerogpu_engine"]
