"""What runs beside the agent's own code, in its processes: imports fast, knows no gRPC, holds no secret."""
