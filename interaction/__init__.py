"""What a message in a chat asks for. Pure: values in, decision out."""
