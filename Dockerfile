# docker build -t chanter .
# docker run --network host --cap-add NET_ADMIN --cap-add BPF -v /etc/bagpipe-bgp:/etc/bagpipe-bgp:ro \
#            -v /var/lib/chanter:/var/lib/chanter chanter
FROM node:24-bookworm-slim AS build
WORKDIR /opt/chanter
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY tsconfig.json ./
COPY scripts/build.ts scripts/
COPY src src
RUN npm run build

FROM node:24-bookworm-slim
WORKDIR /opt/chanter
# the one package that is not in the bundle
COPY --from=build /opt/chanter/node_modules/koffi node_modules/koffi
COPY --from=build /opt/chanter/node_modules/@koromix node_modules/@koromix
COPY --from=build /opt/chanter/dist dist
COPY package.json ./
COPY bin bin
RUN ln -s /opt/chanter/bin/chanter /opt/chanter/bin/bagpipe-bgp /opt/chanter/bin/bagpipe-bgp-cleanup /usr/local/bin/
ENTRYPOINT ["chanter"]
CMD ["daemon"]
