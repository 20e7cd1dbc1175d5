"""What to say unasked: alarms, watched figures. Facts in, decisions out."""
