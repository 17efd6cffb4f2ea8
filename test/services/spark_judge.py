"""Spark and pyarrow as judges of what we write: one JSON request a line on stdin, one answer a line on stdout.

The arguments are Spark settings, NAME=VALUE. What Spark itself prints goes to stderr.
"""

import base64
import datetime
import json
import os
import sys

answers = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)

from pyspark.sql import SparkSession

builder = SparkSession.builder.master("local[1]").appName("judge").enableHiveSupport()
for setting in sys.argv[1:]:
    name, value = setting.split("=", 1)
    builder = builder.config(name, value)
spark = builder.getOrCreate()
spark.sparkContext.setLogLevel("ERROR")


def sql(request):
    """Runs statements in a new session; the answer is the last one's."""
    session = spark.newSession()
    session.conf.set("spark.sql.jsonGenerator.ignoreNullFields", "false")
    for name, value in request.get("settings", {}).items():
        session.conf.set(name, value)
    # A new session has the first one's catalog, but no current database of its own.
    for statement in request["statements"]:
        frame = session.sql(statement)
    columns = [{"name": field.name, "type": field.dataType.simpleString()} for field in frame.schema.fields]
    rows = [json.loads(text) for text in frame._jdf.toJSON().collectAsList()]
    return {"columns": columns, "rows": rows}


def arrow(request):
    """One Parquet file's columns and rows as pyarrow has them."""
    import pyarrow.parquet

    table = pyarrow.parquet.ParquetFile(request["file"]).read()
    columns = [{"name": field.name, "type": str(field.type)} for field in table.schema]
    return {"columns": columns, "rows": [plain(row) for row in table.to_pylist()]}


def plain(value):
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return str(value)


def reason(error):
    """What was thrown, and what is at the bottom of it where that is Java's."""
    thrown = getattr(error, "java_exception", None)
    while thrown is not None and thrown.getCause() is not None:
        thrown = thrown.getCause()
    return f"{type(error).__name__}: {error if thrown is None else thrown.toString()}"


METHODS = {"sql": sql, "arrow": arrow}

for line in sys.stdin:
    request = json.loads(line)
    try:
        answer = {"result": METHODS[request["method"]](request)}
    except Exception as error:  # the judge lives on: the error is an answer
        answer = {"error": reason(error)}
    answers.write(json.dumps({"id": request["id"], **answer}) + "\n")
