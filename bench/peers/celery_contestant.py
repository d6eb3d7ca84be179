"""Celery on Redis: a chain of tasks by messages, a chord, prefork workers. Answers like answering.ts."""
import json
import os
import subprocess
import sys
import time

import celery
from celery import Celery, chain, chord

app = Celery("celery_contestant", broker=os.environ["REDIS_URL"] + "/1", backend=os.environ["REDIS_URL"] + "/2")
app.conf.update(worker_prefetch_multiplier=16, task_acks_late=False, result_expires=600)


@app.task(name="step")
def step():
    return None


@app.task(name="callback")
def callback(results):
    return len(results)


@app.task(name="started")
def started():
    return time.time()


def chains(count, length):
    begun = time.monotonic()
    results = [chain(*[step.si() for _ in range(length)]).apply_async() for _ in range(count)]
    for result in results:
        result.get(timeout=300, interval=0.002)
    return (time.monotonic() - begun) * 1000


def group(size):
    begun = time.monotonic()
    chord([step.si() for _ in range(size)])(callback.s()).get(timeout=300, interval=0.002)
    return (time.monotonic() - begun) * 1000


def starts(count, everyMs):
    times = []
    for _ in range(count):
        time.sleep(everyMs / 1000)
        begun = time.time()
        times.append((started.delay().get(timeout=60, interval=0.002) - begun) * 1000)
    return times


def answer(ask, args):
    if ask == "chains":
        return chains(args["count"], args["length"])
    if ask == "lone":
        return [chains(1, args["length"]) for _ in range(args["rounds"])]
    if ask == "group":
        return group(args["size"])
    if ask == "starts":
        return starts(args["count"], args["everyMs"])
    raise ValueError(f"Celery is not asked for {ask}")


def say(line):
    sys.stdout.write("@@" + json.dumps(line) + "\n")
    sys.stdout.flush()


def main():
    command = [sys.executable, "-m", "celery", "-A", "celery_contestant", "worker", "--concurrency", "2", "--loglevel", "ERROR"]
    worker = subprocess.Popen(command, cwd=os.path.dirname(os.path.abspath(__file__)), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        chains(1, 1)
        say({"versions": {"celery": celery.__version__}})
        for line in sys.stdin:
            question = json.loads(line)
            try:
                say({"answer": answer(question["ask"], question["args"])})
            except Exception as error:  # the benchmark goes on without this figure
                say({"error": repr(error)})
    finally:
        worker.terminate()
        worker.wait(timeout=20)


if __name__ == "__main__":
    main()
