"""Where one shot ends and the next begins, in colour and in line art."""
