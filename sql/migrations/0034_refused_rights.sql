-- What dispatchers refuse to every task, so that a task which no dispatcher would run is refused when it is submitted.

-- Names of rights: commands (that tasks bring) and full (the permission). Null: the dispatcher has not said yet.
ALTER TABLE dispatchers ADD COLUMN refuses text [];
