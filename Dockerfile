# A static binary that does not run as root, with no shell beside it.
#
#   docker build -t lockstep .
#   docker run -p 4747:4747 -v lockstep:/var/lib/lockstep -v ./tls:/tls:ro lockstep \
#     serve --db sqlite:/var/lib/lockstep/lockstep.db --listen 0.0.0.0:4747 --tls-cert /tls/cert.pem --tls-key /tls/key.pem
#
# There is no git in the image: repositories are read over HTTPS and SSH, not
# from local folders.
FROM --platform=$BUILDPLATFORM golang:1.26-bookworm AS build
ARG TARGETOS TARGETARCH
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -ldflags '-s -w' -o /out/lockstep ./cmd/lockstep \
 && mkdir -p /out/data

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/lockstep /usr/bin/lockstep
COPY --from=build --chown=65532:65532 /out/data /var/lib/lockstep
COPY --from=build /src/LICENSE /src/THIRD_PARTY_NOTICES /usr/share/doc/lockstep/
USER 65532:65532
WORKDIR /var/lib/lockstep
VOLUME /var/lib/lockstep
EXPOSE 4747
ENTRYPOINT ["/usr/bin/lockstep"]
CMD ["serve"]
