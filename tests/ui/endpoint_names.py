"""The endpoints that programs call: the page offers these, and docs/reference.md names them."""

ENDPOINTS = {
    "start_run",
    "run_status",
    "stop_run",
    "resume_run",
    "compare",
    "open_round",
    "round_status",
    "export_preferences",
    "leaderboard",
    "room_door",
    "set_seats",
    "undo_joins",
}
