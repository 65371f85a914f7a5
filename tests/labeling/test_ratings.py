from labeling import people, ratings
from labeling.schema import Rating


def test_a_rating_of_one_reply_is_kept_once(store):
    person = people.join(store, people.room(store).code)[0]
    rating = Rating("Hi", "Hello!", "pocket", "likert", 5, person.annotator_id)
    ratings.keep(store, rating)
    ratings.keep(store, rating)
    assert ratings.counting(store) == [rating] and rating.good is True
    people.withdraw(store, person.annotator_id)
    assert ratings.counting(store) == []
