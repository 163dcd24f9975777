"""What the commands for evaluations write for people and for other programs: pages, rating sheets and logs."""
