#!/bin/sh
# RabbitMQ starts a second Erlang once a minute, only because that starts epmd, Erlang's
# name service, which would outlive the broker and be everybody's. This broker needs
# none; run.sh puts this in the place of `erl`.
exit 0
