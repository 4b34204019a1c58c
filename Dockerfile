# docker build -t chanter .                           on Debian's Node image, with a shell
# docker build -t chanter --target distroless .       Node, its libraries and chanter, nothing else
# docker run --network host --cap-drop ALL --cap-add NET_ADMIN --cap-add NET_BIND_SERVICE --cap-add BPF --read-only \
#            -v chanter:/var/lib/chanter -e CHANTER_LOCAL_ADDRESS=eth0 -e CHANTER_MY_AS=64512 -e CHANTER_PEERS=192.0.2.1 chanter
ARG BASE=docker.io/library/node:24-bookworm-slim

FROM ${BASE} AS build
# setcap, for the file through which a user other than root gets the container's capabilities (src/container.ts)
RUN apt-get update && apt-get install -y --no-install-recommends libcap2-bin && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/chanter
COPY LICENSE package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY tsconfig.json ./
COPY scripts/build.ts scripts/
COPY src src
COPY bin bin
RUN npm run build
# all that runs: the bundle, and of koffi, which is not in it, what is for this machine
RUN set -eu; app=/image/opt/chanter; modules=$app/node_modules; \
    mkdir -p "$modules" /image/var/lib/chanter /image/usr/local/bin; \
    cp -r LICENSE bin dist package.json "$app"; rm "$app"/dist/*.map; \
    cp -r node_modules/koffi node_modules/@koromix "$modules"; \
    cd "$modules"/koffi; rm -rf CHANGELOG.md README.md cnoke.cjs doc lib vendor; \
    find src -type f ! -name "*js" -delete; \
    rm -rf "$modules"/@koromix/*/musl_*; \
    cp /usr/bin/setpriv "$app"; \
    setcap cap_net_bind_service,cap_net_admin,cap_bpf=p "$app"/setpriv; \
    chown 65532:65532 /image/var/lib/chanter; \
    ln -s /opt/chanter/bin/* /image/usr/local/bin/
# what Node and setpriv are linked with, and the little that their C library asks for
RUN set -eu; mkdir -p /nodejs/usr/local/bin /nodejs/tmp /nodejs/etc; chmod 1777 /nodejs/tmp; \
    node=$(node -p process.execPath); cp "$node" /nodejs/usr/local/bin/node; \
    for library in $(ldd "$node" /usr/bin/setpriv | sed -n 's#.*[[:space:]]\(/[^ ]*\) (0x.*#\1#p' | sort -u); do \
      mkdir -p "/nodejs$(dirname "$library")"; cp -L "$library" "/nodejs$library"; \
    done; \
    mkdir -p /nodejs/var/lib/chanter; chown 65532:65532 /nodejs/var/lib/chanter; \
    echo 'nonroot:x:65532:65532::/var/lib/chanter:/nologin' >/nodejs/etc/passwd

FROM scratch AS distroless
COPY --from=build /nodejs /
COPY --from=build /image/opt /opt
ENV PATH=/usr/local/bin
VOLUME /var/lib/chanter
USER 65532:65532
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["node", "/opt/chanter/dist/main.js", "status", "--alive"]
ENTRYPOINT ["node", "--max-semi-space-size=8", "/opt/chanter/dist/container.js"]
CMD ["daemon"]

FROM ${BASE}
ARG VERSION=0.1.0 REVISION=unknown
LABEL org.opencontainers.image.title="chanter" \
      org.opencontainers.image.description="BGP VPN daemon for Linux compute nodes: EVPN and IP VPN" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /image /
VOLUME /var/lib/chanter
USER 65532:65532
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["chanter", "status", "--alive"]
ENTRYPOINT ["node", "--max-semi-space-size=8", "/opt/chanter/dist/container.js"]
CMD ["daemon"]
