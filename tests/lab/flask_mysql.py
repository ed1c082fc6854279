"""The lab's web application with a database: counts visits in the MariaDB that answers to the name `mysql-server`."""

import pymysql
from flask import Flask

app = Flask(__name__)


@app.route("/")
def visits():
    """The number of visits, or what keeps the database from being asked. One connection for each visit."""
    try:
        with pymysql.connect(host="mysql-server", user="shop", password="secret", database="shop") as database:
            with database.cursor() as cursor:
                cursor.execute("INSERT INTO visits VALUES ()")
            database.commit()
            return f"visits={cursor.lastrowid}\n"
    except pymysql.Error as error:
        return f"cannot ask MySQL: {error}\n"


@app.route("/ready")
def ready():
    """For the lab to know that the server is up; looks nothing up, so that the first visit shows everything."""
    return "ready\n"


app.run(host="0.0.0.0", port=5000)
