"""The `s3` kind: a place for backups in Amazon S3 or any store that speaks its protocol; only looked at."""
