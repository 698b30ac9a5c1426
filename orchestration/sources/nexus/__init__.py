"""What Nexus itself finds out and lands through the same door as everybody else."""
