#!/usr/bin/env python3
"""browse.py WORD...: a headless Chromium that does what the words say, in order.

  open URL          goes there
  until SCRIPT      until it is true; print SCRIPT prints what it gives
  size WIDTHxHEIGHT of the window; scheme light|dark and motion reduce|no-preference are what the user prefers
  keys 'NAME...'    presses them
  shot FILE         the window as PNG; full FILE: all of the page
  roles -           what screen readers are told that there is, each with how often
  busy LABEL        prints how long the page's main thread has computed
  await FILE        until it exists; touch FILE makes it
  expect-errors     from here on and before: those of requests that fail are none

Fails when a word does, and when the page logs an error, throws, breaks its Content-Security-Policy, or asks
anybody but the origin that was opened. Nothing takes longer than PATIENCE_S.
"""
import base64
import collections
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from urllib.parse import urlsplit

PATIENCE_S = float(os.environ.get("PATIENCE_S", 15))
KEYS = {"Tab": 9, "Enter": 13, "Space": 32, "ArrowDown": 40, "ArrowUp": 38}
TEXT = {"Enter": "\r", "Space": " "}


class Failure(Exception):
    pass


class Browser:
    """Speaks the DevTools protocol over two pipes, so that nothing listens."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="browse.", dir=".")
        to, self.out = os.pipe()
        self.input, back = os.pipe()
        self.process = subprocess.Popen(
            ["sh", "-c", f'exec "$0" "$@" 3<&{to} 4>&{back}', "chromium", "--headless", "--no-sandbox",
             "--disable-gpu", "--disable-lcd-text", "--disable-dev-shm-usage", "--no-first-run", "--hide-scrollbars",
             "--remote-debugging-pipe", f"--user-data-dir={self.folder}", "about:blank"],
            pass_fds=(to, back), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True, env={**os.environ, "HOME": self.folder})
        os.close(to)
        os.close(back)
        self.buffer = b""
        self.count = 0
        self.errors = []
        self.origin = None
        self.session = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "Audits", "Performance"):
            self.call(f"{domain}.enable")

    def message(self):
        while b"\0" not in self.buffer:
            part = os.read(self.input, 1 << 20)
            if not part:
                raise Failure("the browser has ended")
            self.buffer += part
        text, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(text)

    def call(self, method, **params):
        self.count += 1
        message = {"id": self.count, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.message()
            if answer.get("id") == self.count:
                if "error" in answer:
                    raise Failure(f"{method}: {answer['error']['message']}")
                return answer["result"]
            self.note(answer.get("method"), answer.get("params", {}))

    def note(self, event, params):
        if event == "Runtime.exceptionThrown":
            self.errors.append(json.dumps(params["exceptionDetails"])[:500])
        elif event == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.errors.append(f"{params['entry']['source']}: {params['entry']['text']}")
        elif event == "Audits.issueAdded" and "SecurityPolicy" in params["issue"]["code"]:
            self.errors.append("security: " + json.dumps(params["issue"]["details"]))
        elif event == "Network.requestWillBeSent":
            url = urlsplit(params["request"]["url"])
            if url.scheme not in ("data", "about") and self.origin not in (None, url.netloc):
                self.errors.append(f"asks elsewhere: {params['request']['url']}")

    def value(self, script):
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise Failure(f"{script}: {answer['exceptionDetails']['exception'].get('description')}")
        return answer["result"].get("value")

    def busy(self):
        """What the page's main thread has computed until now, in seconds."""
        metrics = {m["name"]: m["value"] for m in self.call("Performance.getMetrics")["metrics"]}
        return {name: metrics[name + "Duration"] for name in ("Task", "Script", "Layout", "RecalcStyle")}

    def roles(self):
        """What a screen reader is told that there is."""
        nodes = self.call("Accessibility.getFullAXTree")["nodes"]
        return sorted(collections.Counter(n["role"]["value"] for n in nodes if not n["ignored"]).items())

    def open(self, url):
        self.origin = urlsplit(url).netloc
        answer = self.call("Page.navigate", url=url)
        if "errorText" in answer:
            raise Failure(f"{url}: {answer['errorText']}")

    def key(self, name):
        key = {"key": " " if name == "Space" else name, "code": name, "windowsVirtualKeyCode": KEYS[name]}
        text = {"text": TEXT[name]} if name in TEXT else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", **key, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", **key)

    def shot(self, file, **how):
        data = self.call("Page.captureScreenshot", format="png", **how)["data"]
        with open(file, "wb") as out:
            out.write(base64.b64decode(data))

    def close(self):
        """Its helpers keep writing into its folder until they are gone, too."""
        self.session = None
        try:
            self.call("Browser.close")
        except (Failure, OSError):
            self.process.kill()
        self.process.wait()
        for _ in range(50):
            shutil.rmtree(self.folder, ignore_errors=True)
            if not os.path.exists(self.folder):
                break
            time.sleep(0.02)


def until(what, is_true):
    end = time.monotonic() + PATIENCE_S
    while not is_true():
        if time.monotonic() > end:
            raise Failure(f"did not come about within {PATIENCE_S} s: {what}")
        time.sleep(0.03)


def run(browser, words):
    media = {}
    errors_expected = False
    while words:
        word, arg = words.pop(0), words.pop(0) if words else ""
        if word == "open":
            browser.open(arg)
        elif word == "until":
            until(arg, lambda: browser.value(f"(() => {{ try {{ return {arg} }} catch {{ }} }})()"))
        elif word == "print":
            print(browser.value(arg), flush=True)
        elif word == "roles":
            print("\n".join(f"{count} {role}" for role, count in browser.roles()), flush=True)
        elif word == "busy":
            print(arg, *(f"{name}={value * 1000:.1f}ms" for name, value in browser.busy().items()))
        elif word == "shot":
            browser.shot(arg)
        elif word == "full":
            browser.shot(arg, captureBeyondViewport=True)
        elif word == "size":
            width, height = map(int, arg.split("x"))
            browser.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                         deviceScaleFactor=1, mobile=width < 600)
        elif word in ("scheme", "motion"):
            media[{"scheme": "prefers-color-scheme", "motion": "prefers-reduced-motion"}[word]] = arg
            browser.call("Emulation.setEmulatedMedia",
                         features=[{"name": name, "value": value} for name, value in media.items()])
        elif word == "keys":
            for name in arg.split():
                browser.key(name)
        elif word == "await":
            until(arg, lambda: os.path.exists(arg))
        elif word == "touch":
            open(arg, "w").close()
        elif word == "expect-errors":
            errors_expected = True
            words.insert(0, arg) if arg else None
        else:
            raise Failure(f"unknown word {word}")
    browser.value("0")  # what has happened until now has been noted
    errors = [e for e in browser.errors if not (errors_expected and e.startswith("network: "))]
    if errors:
        raise Failure("the page has errors:\n" + "\n".join(errors))


def main():
    browser = None
    try:
        browser = Browser()
        run(browser, sys.argv[1:])
    except Failure as failure:
        print(f"browse: {failure}", file=sys.stderr)
        return 1
    finally:
        if browser:
            browser.close()
    return 0


sys.exit(main())
