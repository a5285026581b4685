"""An example: a platform on Amazon ECS behind a load balancer, with RDS, ElastiCache and a scheduler of its own."""
