"""Chinese words for what detectors and classifiers know by English ones. Knows no detector."""

from __future__ import annotations

import re

_WORDS = {
    "person": "人 人物 行人 路人 人们 大家", "man": "男人 男士 男子 先生 男的 男性 男生 小伙子 帅哥 大叔 叔叔 他",
    "woman": "女人 女士 女子 妇女 女的 女性 女生 美女 阿姨 大妈 她",
    "boy": "男孩 男孩子 小男孩", "girl": "女孩 女孩子 小女孩 姑娘", "child": "孩子 小孩 儿童 小朋友 孩童",
    "baby": "婴儿 宝宝", "old person": "老人 老人家",
    "old man": "老头 老爷爷 老先生", "old woman": "老太太 老奶奶 老妇人",
    "grandmother": "奶奶 外婆 姥姥", "grandfather": "爷爷 外公 姥爷", "mother": "妈妈 母亲", "father": "爸爸 父亲",
    "adult": "大人 成年人", "face": "脸 人脸 面孔 脸孔", "waiter": "服务员", "police officer": "警察",
    "player": "球员 运动员", "student": "学生", "teacher": "老师", "doctor": "医生", "driver": "司机",
    "bicycle": "自行车 单车 脚踏车", "car": "汽车 车 小汽车 轿车 车子", "taxi": "出租车",
    "motorcycle": "摩托车 摩托", "airplane": "飞机", "bus": "公交车 公共汽车 巴士 大巴", "train": "火车 列车",
    "truck": "卡车 货车", "boat": "船 小船 轮船", "van": "面包车", "traffic light": "红绿灯 交通灯 信号灯",
    "fire hydrant": "消防栓", "stop sign": "停车标志 停止标志", "parking meter": "停车计时器", "bench": "长椅 长凳",
    "bird": "鸟 小鸟 鸟儿", "duck": "鸭子", "chicken": "鸡", "goose": "鹅", "cat": "猫 小猫 猫咪 猫儿",
    "dog": "狗 小狗 狗狗 犬", "horse": "马", "sheep": "羊 绵羊", "cow": "牛 奶牛", "elephant": "大象 象",
    "bear": "熊", "zebra": "斑马", "giraffe": "长颈鹿", "panda": "熊猫", "animal": "动物", "pet": "宠物",
    "vehicle": "车辆 交通工具", "fruit": "水果", "vegetable": "蔬菜", "food": "食物 吃的", "furniture": "家具",
    "backpack": "背包 书包 双肩包", "umbrella": "雨伞 伞 阳伞", "handbag": "手提包 包 包包", "tie": "领带",
    "suitcase": "行李箱 箱子", "bag": "袋子", "luggage": "行李", "frisbee": "飞盘", "skis": "滑雪板 雪橇",
    "snowboard": "单板滑雪板", "sports ball": "球 足球 篮球 排球 网球", "kite": "风筝",
    "baseball bat": "棒球棒 球棒", "baseball glove": "棒球手套", "skateboard": "滑板", "surfboard": "冲浪板",
    "tennis racket": "网球拍 球拍", "bottle": "瓶子 水瓶 酒瓶", "wine glass": "酒杯 高脚杯",
    "cup": "杯子 茶杯 咖啡杯 水杯 杯", "fork": "叉子", "knife": "刀 刀子 餐刀", "spoon": "勺子 汤匙", "bowl": "碗",
    "banana": "香蕉", "apple": "苹果", "sandwich": "三明治", "orange": "橙子 橘子", "broccoli": "西兰花",
    "carrot": "胡萝卜", "hot dog": "热狗", "pizza": "披萨 比萨", "donut": "甜甜圈", "cake": "蛋糕",
    "chair": "椅子 座椅", "couch": "沙发", "potted plant": "盆栽 植物 绿植", "flower": "花 花朵", "bed": "床",
    "dining table": "桌子 餐桌 饭桌", "desk": "书桌 办公桌", "toilet": "马桶 坐便器",
    "tv": "电视 电视机 屏幕 显示器", "laptop": "笔记本电脑 笔记本", "computer": "电脑 计算机", "mouse": "鼠标",
    "remote": "遥控器", "keyboard": "键盘", "cell phone": "手机 电话", "microwave": "微波炉", "oven": "烤箱",
    "toaster": "烤面包机", "sink": "水槽 洗手池", "refrigerator": "冰箱", "book": "书 书本",
    "clock": "钟 时钟 钟表", "vase": "花瓶", "scissors": "剪刀", "teddy bear": "泰迪熊 玩具熊",
    "hair drier": "吹风机", "toothbrush": "牙刷", "object": "东西 物体 物品", "lion": "狮子", "tiger": "老虎",
    "monkey": "猴子", "rabbit": "兔子", "fish": "鱼", "snake": "蛇", "wolf": "狼", "fox": "狐狸",
    "butterfly": "蝴蝶", "beach": "海滩 沙滩", "mountain": "山", "sea": "大海 海", "lake": "湖", "bridge": "桥",
    "church": "教堂", "castle": "城堡", "tower": "塔", "hat": "帽子", "helmet": "头盔 安全帽", "glasses": "眼镜",
    "sunglasses": "太阳镜 墨镜", "shirt": "衬衫 上衣 T恤", "coat": "外套 大衣", "skirt": "裙子", "jeans": "牛仔裤",
    "shoe": "鞋 鞋子", "guitar": "吉他", "piano": "钢琴", "camera": "相机 照相机", "lamp": "灯 台灯",
    "flag": "旗 旗子", "ladder": "梯子", "door": "门", "window": "窗户 窗", "tree": "树", "tent": "帐篷",
    "bread": "面包", "rocket": "火箭", "coffee": "咖啡", "drink": "饮料 喝的 饮品", "mammal": "哺乳动物",
}  # fmt: skip
_ENGLISH = {chinese: word for word, listed in _WORDS.items() for chinese in listed.split()}
_MEASURES = re.compile(
    r"^[一二两三四五六七八九十几\d]*(?:只|条|个|辆|把|张|位|名|匹|头|棵|本|台|架|艘|件|双|座|朵|群)(?=.)"
)


def english(label: str) -> str:
    """The English word for a Chinese one; any other text as it is.

    >>> english("小狗"), english("一只白猫"), english("dog")
    ('dog', '白猫', 'dog')
    """
    plain = label.strip()
    bare = _MEASURES.sub("", plain)
    return _ENGLISH.get(plain) or _ENGLISH.get(bare) or (bare if bare != plain else label)


def known_words() -> dict[str, str]:
    """All Chinese words that have an English one."""
    return dict(_ENGLISH)
