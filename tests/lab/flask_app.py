"""The lab's web application: counts visits in the redis that answers to the name `db`."""

import redis
from flask import Flask

app = Flask(__name__)
database = redis.Redis(host="db", socket_connect_timeout=1)


@app.route("/")
def visits():
    """The number of visits, or what keeps redis from being reached."""
    try:
        return f"visits={database.incr('visits')}\n"
    except redis.RedisError as error:
        return f"cannot connect to Redis: {error}\n", 500


@app.route("/ready")
def ready():
    """For the lab to know that the server is up; looks nothing up, so that the first visit shows everything."""
    return "ready\n"


app.run(host="0.0.0.0", port=5000)
