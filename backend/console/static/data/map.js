// A map that one can move, in the place of the drawing. Without WebGL the drawing stays.
"use strict";

const box = document.getElementById("map");
if (box) start(box).catch((error) => console.warn("The map stays a drawing:", error));

async function start(element) {
  const canvas = document.createElement("canvas");
  if (!canvas.getContext("webgl2")) return;
  const [maplibre, answer] = await Promise.all([
    import("../vendor/maplibre-gl.mjs"),
    fetch(element.dataset.source, { headers: { Accept: "application/json" } }),
  ]);
  if (!answer.ok) throw new Error(`${answer.status}`);
  const data = await answer.json();
  const holder = document.createElement("div");
  holder.className = "map";
  holder.hidden = true;
  element.after(holder);
  draw(maplibre, data, element, holder);
}

function draw(maplibre, data, element, holder) {
  holder.hidden = false;
  element.hidden = true;
  const map = new maplibre.Map({
    container: holder,
    style: style(data, element),
    bounds: bounds(data.cells.features),
    fitBoundsOptions: { padding: 40, maxZoom: 13, animate: false },
    attributionControl: data.attribution ? { compact: false, customAttribution: [] } : false,
    dragRotate: false,
    cooperativeGestures: false,
    locale: {
      "Map.Title": element.dataset.label,
      "NavigationControl.ZoomIn": element.dataset.zoomIn,
      "NavigationControl.ZoomOut": element.dataset.zoomOut,
      "Popup.Close": element.dataset.close,
    },
  });
  map.addControl(new maplibre.NavigationControl({ showCompass: false }), "top-right");
  map.on("load", () => holder.setAttribute("data-ready", "yes"));
  map.on("click", "cells", (event) => tell(maplibre, map, event, element));
  map.on("click", "districts", (event) => tell(maplibre, map, event, element));
}

function resolved(variable) {
  // light-dark() is resolved by the browser, not by getPropertyValue.
  const probe = document.createElement("span");
  probe.className = `probe-${variable}`;
  document.body.append(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return colour;
}

function style(data, element) {
  const [ground, line, accent] = ["ground", "line", "accent"].map(resolved);
  const sources = {
    cells: {
      type: "geojson",
      data: data.cells,
      cluster: true,
      clusterRadius: 40,
      clusterMaxZoom: 14,
      clusterProperties: { all: ["+", ["get", "photos"]], wrong: ["+", ["get", "corrected"]] },
    },
    districts: { type: "geojson", data: data.districts, attribution: data.attribution },
    graticule: { type: "geojson", data: graticule(data.cells.features) },
  };
  const number = ["coalesce", ["get", "all"], ["get", "photos"]];
  // The heat of a district: its share of corrected photos, or its photos beside those of the fullest one.
  const most = Math.max(1, ...data.districts.features.map((each) => each.properties.photos));
  const share = ["/", ["get", "corrected"], ["max", ["get", "photos"], 1]];
  const heat = element.dataset.heat === "corrected" ? ["*", 2, share] : ["/", ["get", "photos"], most];
  const layers = [
    { id: "ground", type: "background", paint: { "background-color": ground } },
    { id: "graticule", type: "line", source: "graticule", paint: { "line-color": line, "line-width": 1 } },
    {
      id: "districts",
      type: "fill",
      source: "districts",
      paint: { "fill-color": accent, "fill-opacity": ["interpolate", ["linear"], heat, 0, 0.03, 1, 0.7] },
    },
    { id: "borders", type: "line", source: "districts", paint: { "line-color": accent, "line-width": 1 } },
    {
      id: "cells",
      type: "circle",
      source: "cells",
      paint: {
        "circle-color": accent,
        "circle-opacity": 0.6,
        "circle-stroke-color": accent,
        "circle-stroke-width": 1,
        "circle-radius": ["min", 40, ["+", 4, ["*", 2, ["sqrt", number]]]],
      },
    },
  ];
  if (data.tiles) {
    sources.tiles = { type: "raster", tiles: [data.tiles], tileSize: 256, attribution: data.attribution };
    layers.splice(1, 0, { id: "tiles", type: "raster", source: "tiles" });
  }
  return { version: 8, sources, layers };
}

function bounds(features) {
  const across = features.map((each) => each.geometry.coordinates[0]);
  const up = features.map((each) => each.geometry.coordinates[1]);
  return [
    [Math.min(...across) - 0.01, Math.min(...up) - 0.01],
    [Math.max(...across) + 0.01, Math.max(...up) + 0.01],
  ];
}

function graticule(features) {
  const [[west, south], [east, north]] = bounds(features);
  const step = [0.01, 0.05, 0.1, 0.5, 1, 5, 10].find((each) => (east - west) / each <= 20) ?? 20;
  const lines = [];
  for (let x = Math.floor(west / step) - 20; x <= Math.ceil(east / step) + 20; x += 1) {
    lines.push([[x * step, Math.max(south - 5, -85)], [x * step, Math.min(north + 5, 85)]]);
  }
  for (let y = Math.floor(south / step) - 20; y <= Math.ceil(north / step) + 20; y += 1) {
    lines.push([[west - 5, y * step], [east + 5, y * step]]);
  }
  return { type: "Feature", properties: {}, geometry: { type: "MultiLineString", coordinates: lines } };
}

function tell(maplibre, map, event, element) {
  const said = event.features[0].properties;
  const photos = said.all ?? said.photos;
  const corrected = said.wrong ?? said.corrected;
  const text = `${said.name ? `${said.name}: ` : ""}${photos} ${element.dataset.photos}, ${corrected} ${element.dataset.corrected}`;
  new maplibre.Popup().setLngLat(event.lngLat).setText(text).addTo(map);
}
