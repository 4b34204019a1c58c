# docker build -t chanter .
# docker run --network host --cap-add NET_ADMIN -v /etc/bagpipe-bgp:/etc/bagpipe-bgp:ro \
#            -v /var/lib/chanter:/var/lib/chanter chanter
FROM node:24-bookworm-slim AS packages
WORKDIR /opt/chanter
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --ignore-scripts

FROM packages AS build
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY src src
RUN npm run build

FROM node:24-bookworm-slim
WORKDIR /opt/chanter
COPY bin bin
COPY --from=packages /opt/chanter ./
COPY --from=build /opt/chanter/dist dist
RUN ln -s /opt/chanter/bin/chanter /opt/chanter/bin/bagpipe-bgp /opt/chanter/bin/bagpipe-bgp-cleanup /usr/local/bin/
ENTRYPOINT ["chanter"]
CMD ["daemon"]
