import json, time
def test_plan(anicolor, long_film, long_keyframes, colorize, out, film, keyframes, capsys):
    t=time.time()
    def show(got):
        with capsys.disabled(): print(got, time.time()-t)
    got = anicolor("shots", long_film, "--json"); show(got); t=time.time()
    got = colorize(long_film, long_keyframes, out); show(got); t=time.time()
    got = colorize(film, keyframes, out.with_name("b")); show(got); t=time.time()
    got = colorize(film, keyframes, out.with_name("b2")); show(got); t=time.time()
