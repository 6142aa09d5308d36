"""Asks the API for a change and prints the status of the answer: METHOD URL TOKEN [BODY]."""
import sys
import urllib.error
import urllib.request

method, url, token, *body = sys.argv[1:]
headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
asked = urllib.request.Request(url, body[0].encode() if body else None, headers, method=method)
# No proxy of the machine applies inside a namespace.
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
try:
    with opener.open(asked, timeout=10) as answer:
        print(answer.status)
except urllib.error.HTTPError as refusal:
    print(refusal.code)
