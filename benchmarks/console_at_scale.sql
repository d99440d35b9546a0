-- A city after three years: :photos photos, and what people and models said of them. The same every time, but for today.
SELECT setseed(0.5);

CREATE TEMP TABLE made AS
SELECT
    n,
    md5('photo ' || n)::uuid::text AS id,
    date_trunc('day', now()) - (random() * interval '1095 days') AS received_at,
    (ARRAY['plastic', 'plastic', 'plastic', 'paper', 'paper', 'cardboard', 'cardboard', 'glass', 'metal', 'trash'])
        [1 + floor(random() * 10)] AS truth,
    (ARRAY['cardboard', 'glass', 'metal', 'paper', 'plastic', 'trash'])[1 + floor(random() * 6)] AS other,
    random() AS model_luck, random() AS resident_luck, random() AS state_luck, random() AS gold_luck,
    random() AS value, random() AS note_luck, 1 + floor(random() * 9)::int AS release,
    floor(40 * random() * random())::int AS district
FROM generate_series(1, :photos) AS n;

INSERT INTO devices (id, token_sha256, created_at)
SELECT md5('device ' || n)::uuid::text, md5('token ' || n), now() - interval '1096 days' FROM generate_series(1, :photos / 20) AS n;

INSERT INTO staff (name, password_hash, role, created_at)
SELECT 'reviewer ' || n, '', 'reviewer', now() FROM generate_series(1, 20) AS n;

INSERT INTO photos (
    id, source, device_id, fingerprint, state, sha256, origin_sha256, width, height, size_bytes, received_at, place,
    latitude, longitude, location_precision, note, allow_review, allow_training, inspected_at, perceptual_hash,
    group_id, novelty, review_value, in_random_share, predicted_label, predicted_release, confidence, corrected_label,
    gold_label, gold_labelled_at, gold_is_sure, needs_second_opinion, split
)
SELECT
    id, 'submission', md5('device ' || 1 + n % (:photos / 20))::uuid::text, md5(id),
    CASE WHEN state_luck < 0.02 THEN 'received' WHEN state_luck < 0.03 THEN 'quarantined'
         WHEN state_luck < 0.04 THEN 'withdrawn' WHEN state_luck < 0.041 THEN 'hidden' ELSE 'inspected' END,
    md5('a' || n) || md5('b' || n), md5('c' || n) || md5('d' || n), 1200, 1600, 250000, received_at,
    CASE WHEN n % 10 > 0 THEN 'district-' || lpad(district::text, 2, '0') END,
    CASE WHEN n % 10 > 2 THEN round((10.70 + 0.005 * district + 0.02 * model_luck)::numeric, 3) END,
    CASE WHEN n % 10 > 2 THEN round((106.60 + 0.005 * (district * 7 % 40) + 0.02 * resident_luck)::numeric, 3) END,
    CASE WHEN n % 10 > 2 THEN 'street' END,
    CASE WHEN note_luck < 0.05 THEN 'a bottle of glass' END,
    n % 20 > 0, n % 20 > 0, received_at, substr(md5('hash ' || n), 1, 16), id, value, value, n % 10 = 0,
    CASE WHEN model_luck < 0.85 THEN truth ELSE other END, release, 0.3 + 0.7 * model_luck,
    CASE WHEN resident_luck < 0.12 THEN CASE WHEN resident_luck < 0.1 THEN truth ELSE other END END,
    CASE WHEN gold_luck < 0.85 THEN truth END, CASE WHEN gold_luck < 0.85 THEN received_at END,
    gold_luck < 0.3, gold_luck > 0.99,
    CASE WHEN gold_luck < 0.5 THEN 'train' WHEN gold_luck < 0.6 THEN 'validation' WHEN gold_luck < 0.75 THEN 'holdout' END
FROM made;

INSERT INTO predictions (photo_id, made_by, release_version, label, scores, created_at)
SELECT id, made_by, release, CASE WHEN model_luck < 0.85 THEN truth ELSE other END,
    json_build_object(truth, round((0.3 + 0.7 * model_luck)::numeric, 3), 'trash', 0.1), received_at
FROM made, (VALUES ('phone'), ('server')) AS makers (made_by);

INSERT INTO corrections (photo_id, label, created_at)
SELECT id, CASE WHEN resident_luck < 0.1 THEN truth ELSE other END, received_at FROM made WHERE resident_luck < 0.12;

INSERT INTO reviews (photo_id, staff_id, verdict, label, decides_alone, created_at)
SELECT id, (SELECT min(staff.id) FROM staff) + n % 20, 'relabel', truth, true, received_at + interval '2 days'
FROM made WHERE gold_luck < 0.85;

INSERT INTO note_words (word, photo_id)
SELECT word, id FROM made, (VALUES ('a'), ('bottle'), ('of'), ('glass')) AS words (word) WHERE note_luck < 0.05
UNION ALL SELECT 'chandelier', id FROM made WHERE n % 50000 = 7;
