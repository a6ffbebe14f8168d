error[E510]: the disk is full while the tables were built: source `shipments` cannot be read
  because: IO error: No space left on device (os error 28)
  help: free some of it, or name a larger folder as engine.scratch
