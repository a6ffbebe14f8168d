# The program alone, for a user without rights. Put your project on top of it:
#
#   FROM tieout:0.1.0
#   COPY my-reports /project
#
# and start it with `run /project/pipelines/NAME.yaml`; `tieout schedule` prints a CronJob that does. Time zones are
# compiled in; the root certificates come with the second image. Both images are the same Debian, so that the C library
# fits.

FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
# `--build-arg FEATURES=cluster` for pipelines whose engine is a cluster, and for its servers.
ARG FEATURES=""
RUN cargo build --release --locked --features "$FEATURES"

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /src/LICENSE /usr/share/doc/tieout/LICENSE
COPY --from=build /src/target/release/tieout /usr/local/bin/tieout
WORKDIR /project
# The image's user `nonroot` by its number, so that Kubernetes can see that it is not root.
USER 65532:65532
ENTRYPOINT ["tieout"]
