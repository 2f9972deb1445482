#!/bin/sh
# What the sandbox runs (SPEC-01.13). tini reaps orphaned processes, also where it is not PID 1 (-s);
# init itself is the program's business.
exec /usr/bin/tini -s -- /usr/local/bin/parhelia-container init
