"""moto as an S3 server for the tests, with conditional writes that are atomic, as those of S3 are.

    s3_server.py PORT

moto looks whether a key is there and then writes it, and does so in as many threads as there are requests: under load
two writers both create one key. Here one request that writes waits for the other.
"""

import sys
import threading

from moto.server import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import run_simple


class OneWriterAtATime:
    def __init__(self, application):
        self.application = application
        self.writing = threading.Lock()

    def __call__(self, environment, start_response):
        if environment["REQUEST_METHOD"] in ("GET", "HEAD"):
            return self.application(environment, start_response)
        with self.writing:
            return list(self.application(environment, start_response))


application = OneWriterAtATime(DomainDispatcherApplication(create_backend_app))
run_simple("127.0.0.1", int(sys.argv[1]), application, threaded=True, request_handler=MotoRequestHandler)
