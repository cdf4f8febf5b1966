"""The leaderboard: what is measured, kept and ranked."""
