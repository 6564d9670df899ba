"""The usage report as plain text and as one HTML page. Reads no recording and no cluster itself."""
