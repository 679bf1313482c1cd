"""What a painted cut needs looking at: notes of every frame, the page of them, and the keyframes to paint next."""
